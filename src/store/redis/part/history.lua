-- The history: a list of message ids, and a hash of the messages.

local function put(id, message)
  if redis.call('HSET', key.messages, id, message) == 1 then
    redis.call('RPUSH', key.history, id)
  end
end

-- A summary is removed with the last message that it replaces.
local function forgetSummary(id)
  if redis.call('HGET', key.session, 'through') == id then
    redis.call('HDEL', key.session, 'summary', 'through')
  end
end

local function drop(id)
  if redis.call('HDEL', key.messages, id) == 1 then redis.call('LREM', key.history, -1, id) end
  forgetSummary(id)
end
