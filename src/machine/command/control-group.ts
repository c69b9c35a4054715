/**
 * A control group of Linux for one command. It bounds the memory and the number of all its processes
 * together. Only root can create one, and only if the machine or the container allows it. Otherwise the
 * limits of `supervisor.ts` apply to each process.
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

/** A folder of a controller, with its limit files and their values. */
interface Part {
  folder: string
  limits: readonly (readonly [file: string, value: number])[]
}

export class ControlGroup {
  readonly #folders: readonly string[]

  private constructor(folders: readonly string[]) {
    this.#folders = folders
  }

  /** Creates a group; undefined if this process cannot create one. */
  static async make(name: string, limits: GroupLimits): Promise<ControlGroup | undefined> {
    if (process.getuid?.() !== 0) return undefined
    const folders: string[] = []
    try {
      for (const { folder, limits: files } of await partsOf(name, limits)) {
        await mkdir(folder)
        folders.push(folder)
        for (const [file, value] of files) await writeFile(join(folder, file), String(value))
      }
      return new ControlGroup(folders)
    } catch {
      await new ControlGroup(folders).remove()
      return undefined
    }
  }

  /** Returns the command line that starts a program in the group. */
  wrap(program: Argv): Argv {
    const script =
      'while test "$1" != --; do echo 0 >"$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'
    return ['sh', '-c', script, 'loom', ...this.#folders, '--', ...program]
  }

  /** Returns whether the kernel killed a process of the group for lack of memory. */
  async isExhausted(): Promise<boolean> {
    const texts = this.#folders.flatMap((folder) =>
      ['memory.events', 'memory.oom_control'].map((file) =>
        readFile(join(folder, file), 'utf8').catch(() => ''),
      ),
    )
    return (await Promise.all(texts)).some((text) => /^oom_kill [1-9]/m.test(text))
  }

  /** Removes the group after its processes have ended. After a second it stays; an empty group is harmless. */
  async remove(): Promise<void> {
    await Promise.all(this.#folders.map(removeFolder))
  }
}

/**
 * Returns the folders of a group. Version 2 has one tree, and version 1 one tree for each controller (Linux
 * `Documentation/admin-guide/cgroup-v1` and `cgroup-v2`).
 */
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
  // The kernel needs a moment to release the processes that have ended.
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
