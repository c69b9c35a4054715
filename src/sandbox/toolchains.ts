/**
 * Toolchains that people keep in their home folder. A folder of programs in `PATH` is often only the
 * door: `~/.cargo/bin/cargo` needs `~/.rustup`, a shim of pyenv needs `~/.pyenv/versions`. A confined
 * command sees those folders too, read-only. None of them holds secrets; what does (such as
 * `~/.cargo/credentials.toml` and most of `~/.local/share`) is not listed.
 */
import { isAbsolute, join, resolve } from 'node:path'

import type { Environment } from '../environment.ts'

interface Toolchain {
  /** Below the home folder, where `variable` names no other. */
  folder: string
  variable?: string
  /** Folders in `PATH`, below the folder. */
  programs: readonly string[]
  /** What the programs need, below the folder. */
  needs: readonly string[]
  /** More of what they need, with a folder of its own. */
  beside?: { folder: string; variable: string }
}

/** A version manager: its folder holds programs and versions, and nothing else. */
const manager = (folder: string, variable?: string): Toolchain => ({
  folder,
  ...(variable !== undefined && { variable }),
  programs: ['bin', 'shims'],
  needs: ['.'],
})

const toolchains: readonly Toolchain[] = [
  {
    folder: '.cargo',
    variable: 'CARGO_HOME',
    programs: ['bin'],
    // The packages that were fetched: a command without a network builds with these.
    needs: ['env', 'registry', 'git'],
    beside: { folder: '.rustup', variable: 'RUSTUP_HOME' },
  },
  { folder: 'go', variable: 'GOPATH', programs: ['bin'], needs: ['pkg'] },
  { folder: '.bun', variable: 'BUN_INSTALL', programs: ['bin'], needs: ['install/global'] },
  { folder: '.deno', variable: 'DENO_INSTALL', programs: ['bin'], needs: [] },
  { folder: '.local/share/pnpm', variable: 'PNPM_HOME', programs: ['.'], needs: ['.'] },
  {
    folder: '.local',
    programs: ['bin'],
    needs: ['lib', 'share/uv', 'share/pipx/venvs', 'pipx/venvs'],
  },
  manager('.pyenv', 'PYENV_ROOT'),
  manager('.rbenv', 'RBENV_ROOT'),
  manager('.nodenv', 'NODENV_ROOT'),
  manager('.goenv', 'GOENV_ROOT'),
  manager('.jenv', 'JENV_ROOT'),
  manager('.plenv', 'PLENV_ROOT'),
  manager('.asdf', 'ASDF_DATA_DIR'),
  manager('.local/share/mise', 'MISE_DATA_DIR'),
  manager('.proto', 'PROTO_HOME'),
  manager('.volta', 'VOLTA_HOME'),
  manager('.nvm', 'NVM_DIR'),
  manager('.local/share/fnm', 'FNM_DIR'),
  manager('.sdkman', 'SDKMAN_DIR'),
  manager('.poetry', 'POETRY_HOME'),
  manager('n', 'N_PREFIX'),
  manager('micromamba', 'MAMBA_ROOT_PREFIX'),
  manager('miniconda3'),
  manager('miniforge3'),
  manager('anaconda3'),
]

/** Variables that say where toolchains are: paths, which commands may know. */
export const toolchainVariables: ReadonlySet<string> = new Set([
  ...toolchains.flatMap(({ variable, beside }) => [variable ?? [], beside?.variable ?? []].flat()),
  'JAVA_HOME',
  'GOROOT',
  'VIRTUAL_ENV',
  'CONDA_PREFIX',
  'RUSTUP_TOOLCHAIN',
  'PYENV_VERSION',
])

/** Files of a home folder in which version managers keep what version is the usual one. */
const versionFiles = [
  '.tool-versions',
  '.python-version',
  '.nvmrc',
  '.node-version',
  '.ruby-version',
]

export interface Toolchains {
  /** Folders of `PATH` that hold a toolchain's programs. */
  programs: readonly string[]
  /** What these need, whether it exists or not. */
  needs: readonly string[]
}

/** The toolchains whose programs are in `PATH`. */
export function toolchainsIn(environment: Environment): Toolchains {
  const home = environment['HOME'] ?? ''
  if (!isAbsolute(home)) return { programs: [], needs: [] }
  const at = (folder: string, variable: string | undefined) => {
    const given = variable === undefined ? undefined : environment[variable]
    return given !== undefined && isAbsolute(given) ? given : join(home, folder)
  }
  const entries = (environment['PATH'] ?? '').split(':').filter(isAbsolute)
  const inPath = [...new Set(entries.map((path) => resolve(path)))]
  const found = toolchains.flatMap(({ folder, variable, programs, needs, beside }) => {
    const root = at(folder, variable)
    const doors = inPath.filter((path) => isDoor(path, root, programs))
    if (doors.length === 0) return []
    const more = beside === undefined ? [] : [at(beside.folder, beside.variable)]
    return [{ doors, needs: [...needs.map((path) => join(root, path)), ...more] }]
  })
  const versions = found.length === 0 ? [] : versionFiles.map((name) => join(home, name))
  return {
    programs: found.flatMap(({ doors }) => doors),
    needs: [...found.flatMap(({ needs }) => needs), ...versions],
  }
}

/** A version manager puts folders of versions and of plugins into `PATH`, too. */
function isDoor(path: string, root: string, programs: readonly string[]): boolean {
  if (programs.some((name) => path === join(root, name))) return true
  return programs.includes('shims') && path.startsWith(`${root}/`)
}
