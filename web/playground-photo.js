/**
 * Converts pictures to a form that models accept. The photo of a phone has 10 MB or more, needs the
 * rotation in its EXIF data, contains its location there, and is often HEIC. Models accept JPEG,
 * PNG, GIF and WebP up to a few megabytes, and ignore EXIF data.
 */

/**
 * The longest edge in pixels. Models do not use more pixels, and most models reduce the picture
 * further.
 */
const edgeMax = 2048
/** The size in bytes up to which a picture of an accepted type is not changed. */
const plainMax = 1_500_000
const qualities = [0.85, 0.7, 0.5]

const acceptedTypes = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])

/** Whether the file is a picture. SVG is sent as text. */
export const isPhoto = ({ type }) => type.startsWith('image/') && type !== 'image/svg+xml'

/**
 * Returns the unchanged picture, or a smaller, upright JPEG without EXIF data.
 * @throws Error with a text for the user if the browser cannot read the picture
 */
export async function readyPhoto(file) {
  const isPlain = acceptedTypes.has(file.type) && file.size <= plainMax && !(await hasExif(file))
  const picture = await decode(file)
  try {
    const scale = Math.min(1, edgeMax / Math.max(picture.width, picture.height))
    if (isPlain && scale === 1) return file
    return await asJpeg(picture, scale, file)
  } finally {
    picture.close()
  }
}

async function hasExif(file) {
  if (file.type !== 'image/jpeg') return false
  const head = new Uint8Array(await file.slice(0, 65_536).arrayBuffer())
  return new TextDecoder('latin1').decode(head).includes('Exif\0\0')
}

async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' })
  } catch (cause) {
    const kind = file.type.slice('image/'.length).toUpperCase()
    throw new Error(
      `This browser cannot read it as a picture (${kind}). Save it as JPEG or PNG, and attach that.`,
      { cause },
    )
  }
}

async function asJpeg(picture, scale, { name }) {
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(picture.width * scale))
  canvas.height = Math.max(1, Math.round(picture.height * scale))
  const context = canvas.getContext('2d')
  // JPEG has no transparency. Without a background, transparent areas would be black.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(picture, 0, 0, canvas.width, canvas.height)
  let smallest
  for (const quality of qualities) {
    smallest = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', quality))
    if (smallest === null) throw new Error('This browser cannot make it smaller.')
    if (smallest.size <= plainMax) break
  }
  const stem = name.replace(/\.[^.]*$/, '') || 'picture'
  return new File([smallest], `${stem}.jpg`, { type: 'image/jpeg' })
}
