import { View } from '../../frame/view';

export function ExportBundle({ target }: { readonly target: string }) {
  return <View title="Export bundle">{null}</View>;
}
