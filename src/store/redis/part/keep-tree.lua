-- Renews the TTL of a root after a change of its tree. While a task of it has not ended, it lives for at least
-- one day (`part/keep.lua`).

local function keepTree()
  if redis.call('EXISTS', key.unfinishedTasks) == 1 then
    redis.call('HSET', key.session, 'unfinished', '1')
  else
    redis.call('HDEL', key.session, 'unfinished')
  end
  keep()
end
