-- The sessions that share a segment, with the time until which each of them may live as the score. The segment lives
-- as long as the last of them.

local function addSharer(session, ttlMs)
  redis.call('ZADD', key.sharers, 'GT', string.format('%.0f', now() + ttlMs), session)
  for _, each in ipairs({ key.segment, key.sharers }) do
    if redis.call('PTTL', each) < tonumber(ttlMs) then redis.call('PEXPIRE', each, ttlMs) end
  end
end
