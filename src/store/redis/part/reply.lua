-- A script sent twice changes things once: what it answered is kept under the call's nonce, longer
-- than anybody tries again.

local function answered()
  local kept = redis.call('GET', key.reply)
  return kept and cmsgpack.unpack(kept)
end

local function answer(values)
  local reply = returns(values)
  redis.call('SET', key.reply, cmsgpack.pack(reply), 'PX', arg.replyTtlMs)
  return reply
end
