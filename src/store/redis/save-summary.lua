-- Stores a summary beside the history. Only the owner may store one, and the history must contain the last
-- message that the summary replaces.
-- KEYS session messages reply
-- ARGV sessionTtlMs replyTtlMs claim through summary
-- RETURNS status
-- USES reply keep

local function save()
  local state, claim = unpack(redis.call('HMGET', key.session, 'state', 'claim'))
  if state ~= 'running' or claim ~= arg.claim then return { status = 'lost' } end
  if redis.call('HEXISTS', key.messages, arg.through) == 0 then return { status = 'gone' } end
  redis.call('HSET', key.session, 'summary', arg.summary, 'through', arg.through)
  keep()
  return { status = 'done' }
end

return storedReply() or storeReply(save())
