import { View } from '../../frame/view';

export function Editor() {
  return <View title="New ablation">{null}</View>;
}
