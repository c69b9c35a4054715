-- No key without an end: all of a session live as long as the session, counted from its last write.
-- The log of a finished message and the replies have shorter lives of their own. A turn that runs may
-- take longer than a session lives after it, so that one ends where nobody has run it for a day.

local runningMs = 24 * 60 * 60 * 1000

local function keep()
  local running = redis.call('HGET', key.session, 'state') == 'running'
  local ttlMs = math.max(tonumber(arg.sessionTtlMs), running and runningMs or 0)
  for name, each in pairs(key) do
    if name ~= 'reply' and name ~= 'log' then redis.call('PEXPIRE', each, ttlMs) end
  end
end
