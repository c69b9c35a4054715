-- Creates a session with a history, for a fork. Refused if the id is taken.
-- KEYS session known order history messages branched reply
-- ARGV sessionTtlMs replyTtlMs knownMax tenant subject agent title summary through context shared format seed...
-- RETURNS done size
-- USES format reply keep clock known history create size

local function begin()
  local state = redis.call('HGET', key.session, 'state')
  if state and state ~= 'deleted' then return { done = false } end
  create()
  if arg.title ~= '' then redis.call('HSET', key.session, 'title', arg.title) end
  if arg.context ~= '' then redis.call('HSET', key.session, 'context', arg.context) end
  if arg.shared ~= '' then
    redis.call('HSET', key.session, 'shared', arg.shared)
    -- The segments have the messages of the origin, in their forms.
    raiseFormat(arg.format)
  end
  if arg.through ~= '' then
    redis.call('HSET', key.session, 'summary', arg.summary, 'through', arg.through)
  end
  noteBytes()
  keep()
  return { done = true, size = sizeOf() }
end

return storedReply() or storeReply(begin())
