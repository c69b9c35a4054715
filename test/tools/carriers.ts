/** Searches the machine for processes that a command left. */
import { readdir, readFile } from 'node:fs/promises'

/** Counts the processes with a mark in an argument or a variable, without this process. */
export async function carriersOf(mark: string): Promise<number> {
  let count = 0
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const texts = await Promise.all(
      ['cmdline', 'environ'].map((file) =>
        readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => ''),
      ),
    )
    if (texts.some((text) => text.includes(mark))) count += 1
  }
  return count
}
