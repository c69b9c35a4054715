// Imports the code of the command. A checkout has the sources. The package has the built library,
// because Node.js runs no TypeScript in node_modules.
import { existsSync } from 'node:fs'
import * as module from 'node:module'
import { isAbsolute, join } from 'node:path'

// Compiled code in the cache folder of the user halves the time of a start. Node's own default is a folder
// that all users of a machine can write to. `NODE_COMPILE_CACHE` names another folder, and
// `NODE_DISABLE_COMPILE_CACHE=1` turns it off. Without a folder that can be written, Node ignores it.
const { HOME, NODE_COMPILE_CACHE, XDG_CACHE_HOME } = process.env
const cache = [XDG_CACHE_HOME, HOME && join(HOME, '.cache')].find(
  (path) => path && isAbsolute(path),
)
// Other runtimes do not have this function.
if (!NODE_COMPILE_CACHE && cache) module.enableCompileCache?.(join(cache, 'loom', 'code'))

const source = new URL('../src/main.ts', import.meta.url)
const built = new URL('../dist/library/src/main.js', import.meta.url)
const address = existsSync(source) ? source : built

const code = await import(address.href)

// The code does not find its files by its own address, which a bundle of it does not have.
export const main = (process) =>
  code.main(process, { address: address.href, resolve: (name) => import.meta.resolve(name) })
