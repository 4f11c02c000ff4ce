/** Where the runs of a study go: as its baseline says, or to a machine that is chosen here. */
import { NativeSelect } from '@mantine/core';
import { useAnswer } from '../../state/answers';

/** Nothing where no other machine is known. */
export function MachineChoice({ value, onChange }: { readonly value: string | null; readonly onChange: (machine: string | null) => void }) {
  const machines = useAnswer('machines.list', {});
  if (machines.data === undefined || machines.data.length === 0) return null;
  const data = [{ value: '', label: 'Where the study says' }, { value: 'local', label: 'This machine' }, ...machines.data.map(({ name, kind }) => ({ value: name, label: `${name} (${kind})` }))];
  return <NativeSelect aria-label="Machine" data={data} value={value ?? ''} onChange={(event) => onChange(event.currentTarget.value === '' ? null : event.currentTarget.value)} />;
}
