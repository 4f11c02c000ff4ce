import { View } from '../../frame/view';

export function Study({ studyId }: { readonly studyId: string }) {
  return <View title="Ablation">{null}</View>;
}
