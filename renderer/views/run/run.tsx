import { View } from '../../frame/view';

export function Run({ run }: { readonly run: string }) {
  return <View title="Run">{null}</View>;
}
