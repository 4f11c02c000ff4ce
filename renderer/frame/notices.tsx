import { Notifications } from '@mantine/notifications';

/** Where the short words of `notice` appear; those that came before it are shown with it. */
export function Notices() {
  return <Notifications position="bottom-right" containerWidth={360} limit={4} />;
}
