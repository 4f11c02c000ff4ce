import { View } from '../../frame/view';

export function SideBySide({ runs }: { readonly runs: readonly string[] }) {
  return <View title="Side by side">{null}</View>;
}
