import { View } from '../../frame/view';

export function Verdict({ verdictId }: { readonly verdictId: string }) {
  return <View title="Verdict">{null}</View>;
}
