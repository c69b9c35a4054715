-- The history: a list of message ids, and a hash of the messages. `bytes` of the session is the size of the messages, cut
-- ones included, and `weighed` is their number. A message that forks share counts where it was posted.

-- The bytes and the messages that this script added.
local grown, added = 0, 0

local function setMessage(hash, id, message)
  local before = redis.call('HSTRLEN', hash, id)
  local isNew = redis.call('HSET', hash, id, message)
  noteForm(message)
  grown, added = grown + #message - before, added + isNew
  return isNew == 1
end

local function unsetMessage(hash, id)
  local before = redis.call('HSTRLEN', hash, id)
  local isGone = redis.call('HDEL', hash, id)
  grown, added = grown - before, added - isGone
  return isGone == 1
end

local function sizeOfAll()
  local bytes = 0
  for _, each in ipairs({ key.messages, key.branched }) do
    for _, id in ipairs(redis.call('HKEYS', each)) do bytes = bytes + redis.call('HSTRLEN', each, id) end
  end
  return bytes
end

-- Notes the size after the changes. An instance of an earlier version changes the messages and notes no size: then their
-- number differs, and all are measured.
local function noteBytes()
  local bytes, weighed = unpack(redis.call('HMGET', key.session, 'bytes', 'weighed'))
  local count = redis.call('HLEN', key.messages) + redis.call('HLEN', key.branched)
  local isKnown = bytes and tonumber(weighed) == count - added
  redis.call('HSET', key.session, 'bytes', isKnown and bytes + grown or sizeOfAll(), 'weighed', count)
end

local function put(id, message)
  if setMessage(key.messages, id, message) then redis.call('RPUSH', key.history, id) end
end

-- A summary is removed with the last message that it replaces.
local function forgetSummary(id)
  if redis.call('HGET', key.session, 'through') == id then
    redis.call('HDEL', key.session, 'summary', 'through')
  end
end

local function drop(id)
  if unsetMessage(key.messages, id) then redis.call('LREM', key.history, -1, id) end
  forgetSummary(id)
end
