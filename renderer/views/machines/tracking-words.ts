/** The address of the tracking server, as it is shown and copied. */

/** The address without the token that its path is. */
export function maskedAddress(url: string): string {
  return url.replace(/(?<=^\w+:\/\/[^/]+\/).+$/u, '••••••••');
}

/** The line that sets the address in a shell of the system: PowerShell's on Windows, else that of sh. */
export function exportLine(url: string, platform: string): string {
  return platform.startsWith('Win') ? `$env:MLFLOW_TRACKING_URI = '${url}'` : `export MLFLOW_TRACKING_URI='${url}'`;
}
