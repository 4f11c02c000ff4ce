import { View } from '../../frame/view';

export function Ablations() {
  return <View title="Ablations">{null}</View>;
}
