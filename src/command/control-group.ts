/**
 * A control group of Linux for one command: all its processes together have no more memory than this,
 * and are no more than that many. Only root may make one here, and only where the machine or the
 * container lets it; elsewhere the limits of `supervisor.ts` hold, each for one process.
 */
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { Argv } from '../sandbox/confined-program.ts'

export interface GroupLimits {
  memoryBytesMax: number
  processesMax: number
}

const mount = '/sys/fs/cgroup'

/** A folder of a controller, the file of its limit, and the limit. */
interface Part {
  folder: string
  limits: readonly (readonly [file: string, value: number])[]
}

export class ControlGroup {
  readonly #folders: readonly string[]

  private constructor(folders: readonly string[]) {
    this.#folders = folders
  }

  /** Undefined where no group can be made. */
  static async make(name: string, limits: GroupLimits): Promise<ControlGroup | undefined> {
    if (process.getuid?.() !== 0) return undefined
    const made: string[] = []
    try {
      for (const { folder, limits: files } of await partsOf(name, limits)) {
        await mkdir(folder)
        made.push(folder)
        for (const [file, value] of files) await writeFile(join(folder, file), String(value))
      }
      return new ControlGroup(made)
    } catch {
      await new ControlGroup(made).remove()
      return undefined
    }
  }

  /** The program, in the group from its first instruction on. */
  wrap(program: Argv): Argv {
    const script =
      'while test "$1" != --; do echo 0 >"$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'
    return ['sh', '-c', script, 'loom', ...this.#folders, '--', ...program]
  }

  /** Whether the kernel has ended a process since the memory was used up. */
  async isExhausted(): Promise<boolean> {
    const texts = this.#folders.flatMap((folder) =>
      ['memory.events', 'memory.oom_control'].map((file) =>
        readFile(join(folder, file), 'utf8').catch(() => ''),
      ),
    )
    return (await Promise.all(texts)).some((text) => /^oom_kill [1-9]/m.test(text))
  }

  /** When its processes are gone. What is left after a second stays: an empty group costs nothing. */
  async remove(): Promise<void> {
    await Promise.all(this.#folders.map(removeFolder))
  }
}

/** Version 2 has one tree, version 1 one for each controller (`Documentation/admin-guide/cgroup-v{1,2}`). */
async function partsOf(
  name: string,
  { memoryBytesMax, processesMax }: GroupLimits,
): Promise<Part[]> {
  const controllers = await readdir(mount)
  if (controllers.includes('cgroup.controllers')) {
    return [
      {
        folder: join(mount, name),
        limits: [
          ['memory.max', memoryBytesMax],
          ['pids.max', processesMax],
        ],
      },
    ]
  }
  return [
    {
      folder: join(mount, 'memory', name),
      limits: [['memory.limit_in_bytes', memoryBytesMax]],
    },
    { folder: join(mount, 'pids', name), limits: [['pids.max', processesMax]] },
  ]
}

async function removeFolder(folder: string): Promise<void> {
  // The kernel takes a moment to let go of processes that have ended.
  for (let attempt = 0; attempt < 20; attempt++) {
    const error = await rmdir(folder).then(
      () => undefined,
      (cause: unknown) => cause,
    )
    const isBusy = error instanceof Error && 'code' in error && error.code === 'EBUSY'
    if (!isBusy) return
    await delay(50)
  }
}
