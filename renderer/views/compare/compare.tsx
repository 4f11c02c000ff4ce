import { View } from '../../frame/view';

export function Compare({ experiment }: { readonly experiment: string | null }) {
  return <View title="Compare">{null}</View>;
}
