-- The session remembers ids after their letters and messages are gone, so that a second post of an id has
-- no effect. The value is a flag (d done, w withdrawn, c cut), the id of the reply, and, after a line end,
-- the digest of the content if there is one. The oldest ids are dropped.

-- Returns flag, replyId and digest, or nil if the id is unknown.
local function recall(id)
  return string.match(redis.call('HGET', key.known, id) or '', '^(%l)([^\n]*)\n?(.*)$')
end

-- Keeps the stored digest if the call brings none.
local function know(id, flag, replyId, digest)
  if not digest or digest == '' then digest = select(3, recall(id)) end
  local value = flag .. replyId
  if digest and digest ~= '' then value = value .. '\n' .. digest end
  if redis.call('HSET', key.known, id, value) == 0 then return end
  redis.call('RPUSH', key.order, id)
  if redis.call('LLEN', key.order) > tonumber(arg.knownMax) then
    redis.call('HDEL', key.known, redis.call('LPOP', key.order))
  end
end

local function bury(id, flag)
  local _, replyId = recall(id)
  know(id, flag, replyId or '')
end
