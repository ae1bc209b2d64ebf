/** One line of JSON for each thing worth telling an operator, on standard error: no payload, no names, no secrets. */

/** Values that a line may carry. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes a line. */
export type Log = (event: string, fields?: LogFields) => void;

/** A log on standard error. */
export function stderrLog(event: string, fields: LogFields = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`);
}
