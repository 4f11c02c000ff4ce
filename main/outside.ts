/** What the app shows outside its window: progress in taskbar or dock, a notification when a study ended. */
import { app, Notification, type BrowserWindow } from 'electron';
import type { EventOf } from '../src/api/contract';
import { studyEndedSentence, type Work } from './work';

let badge = 0;

/** Taskbar, dock and badge, where the system has them. */
export function showProgress(window: BrowserWindow | null, work: Work): void {
  const left = work.running + work.queued;
  window?.setProgressBar(left > 0 ? (work.share ?? 2) : -1, { mode: left > 0 && work.share === null ? 'indeterminate' : 'normal' });
  if (process.platform === 'win32' || badge === left) return;
  badge = left;
  app.setBadgeCount(left);
}

/** Notifications are kept until they are gone: one that is collected hears no click. */
const shown = new Set<Notification>();

export function notifyStudyEnded(study: EventOf<'studyEnded'>, onClick: () => void): void {
  if (!Notification.isSupported()) return;
  const notification = new Notification({ title: `${study.experiment} ended`, body: studyEndedSentence(study) });
  shown.add(notification);
  notification.on('click', onClick);
  for (const end of ['click', 'close', 'failed'] as const) notification.on(end as 'close', () => shown.delete(notification));
  notification.show();
}
