/** A reply that a test holds in its middle. */
import { says, type Script, words } from '../scripted-model.ts'

/** Returns a reply that waits after its first word, and the function that lets it go on. */
export function heldReply() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const script: Script = async function* () {
    yield* words('One, ')
    await promise
    yield* says('two.').slice(1)
  }
  return { script, release: resolve }
}
