// Imports the code of the command. A checkout has the sources. The package has the built library,
// because Node.js runs no TypeScript in node_modules.
import { existsSync } from 'node:fs'

const source = new URL('../src/main.ts', import.meta.url)
const built = new URL('../dist/library/src/main.js', import.meta.url)
const address = existsSync(source) ? source : built

const code = await import(address.href)

// The code does not find its files by its own address, which a bundle of it does not have.
export const main = (process) =>
  code.main(process, { address: address.href, resolve: (name) => import.meta.resolve(name) })
