import { View } from '../../frame/view';

export function Bundle({ file }: { readonly file: string }) {
  return <View title="Bundle">{null}</View>;
}
