/**
 * The way from events to bytes: three protocols, one interface. A codec only: it knows no sockets
 * and no log. `ui` is the AI SDK's UI message stream over SSE; only its readers have a profile.
 */
import { dataEncoder } from './frames/data.ts'
import type { Encoder, Profile, Protocol } from './frames/encoder.ts'
import { textEncoder } from './frames/text.ts'
import { uiEncoder } from './frames/ui.ts'

export { type Encoder, type Profile, profiles, type Protocol, protocols } from './frames/encoder.ts'

const encoders: Record<Protocol, (profile: Profile | undefined) => Encoder> = {
  ui: uiEncoder,
  text: textEncoder,
  data: dataEncoder,
}

/** A new encoder, for one answer to one reader. */
export function encoderOf(protocol: Protocol, profile: Profile | undefined): Encoder {
  return encoders[protocol](profile)
}
