# Production dependencies only; bcrypt brings its prebuilt binary.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /opt/yarn-* \
 && mkdir /data && chown node:node /data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY src ./src
RUN ln -s /app/src/cli.ts /usr/local/bin/ems-metadata && chmod +x /app/src/cli.ts
USER node
ENV NODE_ENV=production EMS_DATA_DIR=/data
VOLUME /data
EXPOSE 8075 8076 8080 8081 8082 8083
# Over the control socket, which is there whatever ports, addresses and TLS are set to.
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "require('node:http').get({ socketPath: process.env.EMS_DATA_DIR + '/control.sock', path: '/healthz' }, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "ems-metadata"]
CMD ["serve"]
