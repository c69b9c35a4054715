/**
 * Encodes events as bytes for three protocols with one interface. It is only a codec, without
 * sockets or logs. `ui` is the AI SDK's UI message stream over SSE, and only its readers have a
 * profile.
 */
import { dataEncoder } from './frames/data.ts'
import type { Encoder, Profile, Protocol } from './frames/encoder.ts'
import { textEncoder } from './frames/text.ts'
import { uiEncoder } from './frames/ui.ts'

export {
  type Encoder,
  isAtLeast,
  type Profile,
  profiles,
  type Protocol,
  protocols,
} from './frames/encoder.ts'

const encoders: Record<Protocol, (profile: Profile | undefined) => Encoder> = {
  ui: uiEncoder,
  text: textEncoder,
  data: dataEncoder,
}

/** Returns a new encoder for one answer to one reader. */
export function encoderOf(protocol: Protocol, profile: Profile | undefined): Encoder {
  return encoders[protocol](profile)
}
