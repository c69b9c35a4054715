-- A letter as it is stored: what a script has to read of it on lines of their own, then the letter
-- without its message as JSON, then the message as JSON. JSON has no line ends of its own.

-- The JSON begins with the agent's name, the context (base64) and the digest, encoded so that no
-- character in them ends them; letters of earlier versions have none.
local function opened(record)
  local letter = {}
  letter.kind, letter.replyId, letter.cutAt, letter.messageId, letter.body, letter.message =
    string.match(record, '^(%l+)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  letter.agent = string.match(letter.body or '', '^{"agent":"([^"]*)"') or ''
  letter.digest = string.match(letter.body or '',
    '^{"agent":"[^"]*","context":"[^"]*","digest":"([^"]*)"') or ''
  letter.context = string.match(letter.body or '', '^{"agent":"[^"]*","context":"([^"]*)"') or ''
  return letter
end

-- The mailbox is ordered by band, then by arrival.
local band = { answer = 0, steer = 1, urgent = 2, message = 3 }
local bandWidth = 1e12

local function inBand(name)
  return band[name] * bandWidth, '(' .. string.format('%.0f', (band[name] + 1) * bandWidth)
end

local function queue(id, record, name)
  local arrival = redis.call('HINCRBY', key.session, 'arrivals', 1)
  redis.call('HSET', key.letters, id, record)
  redis.call('ZADD', key.mail, string.format('%.0f', band[name] * bandWidth + arrival), id)
end

-- Returns the letter's record, or false where it isn't there.
local function unqueue(id)
  if redis.call('ZREM', key.mail, id) == 0 then return false end
  local record = redis.call('HGET', key.letters, id)
  redis.call('HDEL', key.letters, id)
  return record
end

local function steering()
  return redis.call('ZCOUNT', key.mail, inBand('steer')) > 0
end

local function isSteered(id)
  local score = tonumber(redis.call('ZSCORE', key.mail, id))
  return score ~= nil and math.floor(score / bandWidth) == band.steer
end
