/**
 * Pictures as models take them. A phone's photo has 10 MB and more, lies on its side but for a note in
 * its EXIF data, says where it was taken, and is often HEIC; models take JPEG, PNG, GIF and WebP up to a
 * few megabytes, and read none of the notes.
 */

/** In pixels. Models see no more of a picture, and most make it smaller than this. */
const edgeMax = 2048
/** In bytes. A picture of a type that models take is left alone up to here. */
const plainMax = 1_500_000
const qualities = [0.85, 0.7, 0.5]

const taken = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])

/** SVG is text, and goes as text. */
export const isPhoto = ({ type }) => type.startsWith('image/') && type !== 'image/svg+xml'

/**
 * The picture as it is, or a smaller JPEG of it, upright and without EXIF data.
 * @throws Error with words for people where the browser cannot read the picture
 */
export async function readyPhoto(file) {
  const isPlain = taken.has(file.type) && file.size <= plainMax && !(await hasExif(file))
  const picture = await decoded(file)
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

async function decoded(file) {
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
  // JPEG has no transparency: without this it would be black.
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
