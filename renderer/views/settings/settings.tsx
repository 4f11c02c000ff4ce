import { View } from '../../frame/view';

export function Settings() {
  return <View title="Settings">{null}</View>;
}
