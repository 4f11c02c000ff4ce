export const REPLAY_SCRIPT = '';
