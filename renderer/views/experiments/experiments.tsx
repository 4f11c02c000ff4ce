import { View } from '../../frame/view';

export function Experiments({ experiment }: { readonly experiment: string | null }) {
  return <View title="Experiments">{null}</View>;
}
