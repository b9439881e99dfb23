/**
 * Milliseconds of processor time since it was started: unlike the clock's, it does not grow with what
 * else the machine does.
 */
export function cpuStopwatch(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
}
