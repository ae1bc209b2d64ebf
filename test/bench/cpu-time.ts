/** CPU time of this process: other processes add little to it, which makes it fit for machines that are shared. */

/** Milliseconds of CPU time that all threads of this process take for some work, and its result. */
export async function cpuTime<Value>(
  work: () => Value | Promise<Value>,
): Promise<{ readonly ms: number; readonly value: Value }> {
  const before = process.cpuUsage();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1_000, value };
}
