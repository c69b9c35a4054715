-- What an owner stores: `sessions` has its sessions by the time until which each may live, and `bytes` their bytes. The fields
-- `%sessions` and `%bytes` are the sums. No id has such a name, because `%` begins an escaped character.

-- A task is stored, and is no session of its own.
local function isTask(id)
  local task = string.match(id, '~([0-9a-z]+)$')
  return task ~= nil and #task == 26
end

local function drop(id)
  redis.call('ZREM', key.sessions, id)
  local bytes = redis.call('HGET', key.bytes, id)
  if not bytes then return 0 end
  redis.call('HDEL', key.bytes, id)
  redis.call('HINCRBY', key.bytes, '%bytes', 0 - bytes)
  if not isTask(id) then redis.call('HINCRBY', key.bytes, '%sessions', -1) end
  return 1
end

-- Drops the sessions that have expired, the oldest first.
local function dropExpired()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key.sessions, '-inf', now(), 'LIMIT', 0, 500)) do drop(id) end
end

local function keepSize(id, bytes, ttlMs)
  drop(id)
  redis.call('ZADD', key.sessions, now() + ttlMs, id)
  redis.call('HSET', key.bytes, id, bytes)
  redis.call('HINCRBY', key.bytes, '%bytes', bytes)
  if not isTask(id) then redis.call('HINCRBY', key.bytes, '%sessions', 1) end
  for _, each in ipairs({ key.sessions, key.bytes }) do
    if redis.call('PTTL', each) < tonumber(ttlMs) then redis.call('PEXPIRE', each, ttlMs) end
  end
end

local function sums()
  local sessions, bytes = unpack(redis.call('HMGET', key.bytes, '%sessions', '%bytes'))
  return tonumber(sessions or '') or 0, tonumber(bytes or '') or 0
end
