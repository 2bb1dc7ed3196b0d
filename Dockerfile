# syntax=docker/dockerfile:1
# The server as an image: docker build --tag authserver .
# docs/deployment.md says how to run it.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin authserver \
    && install -D --mode=0755 target/release/authserver /out/authserver \
    && install -d --mode=0700 /out/state

# The C library that the program was built with, the certificate authorities, and nothing else: no
# shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="authserver" \
      org.opencontainers.image.description="The self-hosted authorization server for the Model Context Protocol" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/authserver /usr/local/bin/authserver
COPY LICENSE /usr/share/doc/authserver/LICENSE
# What the server keeps unless told otherwise is data/ in its working directory.
COPY --from=build --chown=65532:65532 /out/state /var/lib/authserver
WORKDIR /var/lib/authserver
VOLUME ["/var/lib/authserver"]
USER 65532:65532
EXPOSE 9000 9001
STOPSIGNAL SIGTERM
# Whether the process answers, not whether its database does: some who run containers replace an
# unhealthy one, and that brings no database back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/authserver", "health", "--live"]
ENTRYPOINT ["/usr/local/bin/authserver"]
CMD ["serve"]
