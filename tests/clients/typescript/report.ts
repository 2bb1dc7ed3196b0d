// One JSON line per step on standard output; the first failure ends the journey with its reason.

export type Facts = Record<string, unknown>;

export class StepFailed extends Error {}

export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new StepFailed(otherwise);
}

function write(line: Facts): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Runs one step within its time limit, reports it, and returns what it produced. */
export async function step<T>(
  name: string,
  timeoutMs: number,
  work: (facts: Facts) => T | Promise<T>,
): Promise<T> {
  const facts: Facts = {};
  const started = performance.now();
  const line = (ok: boolean): Facts => ({ step: name, ok, ms: Math.round(performance.now() - started) });
  let timer: NodeJS.Timeout | undefined;
  try {
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new StepFailed(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    const result = await Promise.race([work(facts), expired]);
    write({ ...line(true), ...facts });
    return result;
  } catch (failure) {
    const reason = failure instanceof Error ? failure.message : String(failure);
    write({ ...line(false), reason, ...facts });
    throw new StepFailed(`${name}: ${reason}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a whole journey and turns its outcome into an exit code. Never hangs past `timeoutMs`. */
export async function journey(name: string, timeoutMs: number, work: () => Promise<void>): Promise<never> {
  const deadline = setTimeout(() => {
    write({ step: 'journey', ok: false, journey: name, reason: `not finished within ${timeoutMs} ms` });
    process.exit(1);
  }, timeoutMs);
  try {
    await work();
    write({ step: 'journey', ok: true, journey: name });
    clearTimeout(deadline);
    process.exit(0);
  } catch (failure) {
    const reason = failure instanceof Error ? failure.message : String(failure);
    write({ step: 'journey', ok: false, journey: name, reason });
    process.exit(1);
  }
}
