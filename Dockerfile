# The base images by digest, so that a build uses the same bytes at any time and for each platform.
# `docs/SECURITY.md` says how to raise them.
ARG NODE_IMAGE=node:26-slim@sha256:c0753125a3789977aefe869cbebccf70e3cfd7ea84ca48547458f02e4f1d7146
ARG DEBIAN_IMAGE=debian:bookworm-slim@sha256:3783cc01769c7b2b1b83a5c5ad96c815348e28ed7da68e2e3687004faa906251

# This stage installs the packages, without those for development and without the Node for machines
# with an old Node. `--omit=optional` would also omit the search program. Type declarations, source
# maps and manuals are more than half of their size. `npm sbom --omit=dev` would leave out each package
# that a package for development needs too, so the list is of the packages that are there.
FROM ${NODE_IMAGE} AS packages
WORKDIR /loom
COPY package.json package-lock.json .npmrc ./
COPY bin/node/package.json bin/node/
RUN npm ci --omit=dev --ignore-scripts \
  && rm -rf node_modules/node-linux-* node_modules/node-bin-* node_modules/.bin/node node_modules/loom-node \
  && npm pkg delete devDependencies workspaces \
  && npm sbom --sbom-format=cyclonedx > sbom.cdx.json \
  && find node_modules -type f ! -iname 'licen[cs]e*' \
    \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.md' \) -delete
# Node.js without its debugging symbols: 33 MB less.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends binutils \
  && strip --strip-unneeded -o /node /usr/local/bin/node

# The image has Node.js and neither npm nor a compiler.
FROM ${DEBIAN_IMAGE}
# bubblewrap is for the coder's commands, if the engine lets a container create namespaces.
# Sessions without Redis: a volume that is mounted at /data keeps them for the next container.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends bubblewrap ca-certificates libatomic1 \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* \
  && (id -u node || useradd --uid 1000 --user-group --create-home node) \
  && mkdir /data && chown node:node /data
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 LOOM_DATA=/data
WORKDIR /loom
COPY --from=packages /node /usr/local/bin/node
COPY --from=packages /loom/node_modules node_modules
COPY --from=packages /loom/sbom.cdx.json ./
COPY package.json ./
COPY bin/loom.mjs bin/main.mjs bin/
COPY src src
COPY routes routes
COPY agents agents
COPY tools tools
COPY web web
# By its number, so that an engine can see that it is not root.
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm: the server itself must receive SIGTERM, so that it can hand over its turns.
CMD ["node", "bin/loom.mjs", "serve"]
