# Turns a Debian with kind's files copied over it into a node, as kind's own Dockerfile does. Runs while the node image is built.
set -euo pipefail
version=$1 pause=$2

chmod 755 /kind /kind/bin /kind/bin/* /usr/local/bin/*
for name in kubeadm kubelet kubectl; do ln -s components "/usr/bin/$name"; done
printf %s "$version" >/kind/version # kind reads it, and wants no newline

# A container has no devices to wait for and no terminals: only what a node needs is started.
find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
  /lib/systemd/system/sockets.target.wants/*initctl* /lib/systemd/system/basic.target.wants/*
echo "ReadKMsg=no" >>/etc/systemd/journald.conf
systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service

# kind's units expect upstream's paths.
ln -s /usr/bin/containerd /usr/local/bin/containerd
mkdir -p /etc/kubernetes/manifests /opt/cni
rm -rf /opt/cni/bin
ln -s /usr/lib/cni /opt/cni/bin

# Without CAP_SYS_RESOURCE a pod's OOM score can't go below its parent's; where the capability is there, this costs nothing.
sed -i "s|sandbox_image = .*|sandbox_image = \"$pause\"|; s|restrict_oom_score_adj = .*|restrict_oom_score_adj = true|" /etc/containerd/config.toml
ctr oci spec |
  jq '.hooks.createContainer[.hooks.createContainer | length] |= . + {"path": "/kind/bin/mount-product-files.sh"} | del(.process.rlimits)' \
    >/etc/containerd/cri-base.json
