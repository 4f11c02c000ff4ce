import { View } from '../../frame/view';

export function Machines() {
  return <View title="Machines">{null}</View>;
}
