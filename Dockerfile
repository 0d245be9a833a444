# golived on Debian: docker build -t golived .   (docs/operating.md says how to run it)
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
	gcc libc6-dev cmake ninja-build pkg-config libcmocka-dev \
	libuv1-dev libcurl4-openssl-dev libc-ares-dev libmicrohttpd-dev libsqlite3-dev libcjson-dev libssl-dev libsmartcols-dev
COPY . /golived
WORKDIR /golived
RUN cmake --preset release && cmake --build --preset release --target golived golivectl

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
	ca-certificates libuv1 libcurl4 libc-ares2 libmicrohttpd12 libsqlite3-0 libcjson1 libssl3 libsmartcols1 \
	&& rm -rf /var/lib/apt/lists/* \
	&& useradd --uid 65532 --no-create-home --home-dir /var/lib/golived --shell /usr/sbin/nologin golived \
	&& install -d -o golived -g golived -m 700 /var/lib/golived
COPY --from=build /golived/build/golived /usr/sbin/
COPY --from=build /golived/build/golivectl /usr/bin/
USER golived
VOLUME /var/lib/golived
EXPOSE 8787
# A container's secrets (upstream-api-key, admin-api-keys, store-key) are what credentials are under systemd.
ENV GOLIVED_ADMIN_LISTEN=0.0.0.0:8787 CREDENTIALS_DIRECTORY=/run/secrets
ENTRYPOINT ["golived"]
