import { View } from '../../frame/view';

export function Bundles() {
  return <View title="Bundles">{null}</View>;
}
