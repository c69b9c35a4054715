-- No key without an end: all of a session live as long as the session, counted from its last write.
-- The log of a finished message and the replies have shorter lives of their own.

local function keep()
  for name, each in pairs(key) do
    if name ~= 'reply' and name ~= 'log' then redis.call('PEXPIRE', each, arg.sessionTtlMs) end
  end
end
