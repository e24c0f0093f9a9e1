//! The structs of storage: claims, persistent volumes, attachments.

use super::Form::{Flag, Inside, Number, Pointer, Selector, Struct, Text};
use super::affinity::NODE_SELECTOR;
use super::print::Field;
use super::volume::{
    AWS_DISK, AZURE_DISK, FIBRE_CHANNEL, FLOCKER, GCE_DISK, HOST_PATH, NFS, PHOTON, PORTWORX, QUOBYTE,
    VSPHERE,
};

const TYPED: &[Field] =
    &[Field("APIGroup", "apiGroup", Pointer), Field("Kind", "kind", Text), Field("Name", "name", Text)];

const TYPED_IN_NAMESPACE: &[Field] = &[
    Field("APIGroup", "apiGroup", Pointer),
    Field("Kind", "kind", Text),
    Field("Name", "name", Text),
    Field("Namespace", "namespace", Pointer),
];

const RESOURCES: &[Field] = &[Field("Limits", "limits", Pointer), Field("Requests", "requests", Pointer)];

pub(super) const CLAIM_SPEC: &[Field] = &[
    Field("AccessModes", "accessModes", Pointer),
    Field("Selector", "selector", Selector),
    Field("Resources", "resources", Inside(RESOURCES)),
    Field("VolumeName", "volumeName", Text),
    Field("StorageClassName", "storageClassName", Pointer),
    Field("VolumeMode", "volumeMode", Pointer),
    Field("DataSource", "dataSource", Struct(TYPED)),
    Field("DataSourceRef", "dataSourceRef", Struct(TYPED_IN_NAMESPACE)),
    Field("VolumeAttributesClassName", "volumeAttributesClassName", Pointer),
];

const SECRET: &[Field] = &[Field("Name", "name", Text), Field("Namespace", "namespace", Text)];

const GLUSTERFS: &[Field] = &[
    Field("EndpointsName", "endpoints", Text),
    Field("Path", "path", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("EndpointsNamespace", "endpointsNamespace", Pointer),
];

const RBD: &[Field] = &[
    Field("CephMonitors", "monitors", Pointer),
    Field("RBDImage", "image", Text),
    Field("FSType", "fsType", Text),
    Field("RBDPool", "pool", Text),
    Field("RadosUser", "user", Text),
    Field("Keyring", "keyring", Text),
    Field("SecretRef", "secretRef", Struct(SECRET)),
    Field("ReadOnly", "readOnly", Flag),
];

const ISCSI: &[Field] = &[
    Field("TargetPortal", "targetPortal", Text),
    Field("IQN", "iqn", Text),
    Field("Lun", "lun", Number),
    Field("ISCSIInterface", "iscsiInterface", Text),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("Portals", "portals", Pointer),
    Field("DiscoveryCHAPAuth", "chapAuthDiscovery", Flag),
    Field("SessionCHAPAuth", "chapAuthSession", Flag),
    Field("SecretRef", "secretRef", Struct(SECRET)),
    Field("InitiatorName", "initiatorName", Pointer),
];

const FLEX: &[Field] = &[
    Field("Driver", "driver", Text),
    Field("FSType", "fsType", Text),
    Field("SecretRef", "secretRef", Struct(SECRET)),
    Field("ReadOnly", "readOnly", Flag),
    Field("Options", "options", Pointer),
];

const CINDER: &[Field] = &[
    Field("VolumeID", "volumeID", Text),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("SecretRef", "secretRef", Struct(SECRET)),
];

const CEPH_FS: &[Field] = &[
    Field("Monitors", "monitors", Pointer),
    Field("Path", "path", Text),
    Field("User", "user", Text),
    Field("SecretFile", "secretFile", Text),
    Field("SecretRef", "secretRef", Struct(SECRET)),
    Field("ReadOnly", "readOnly", Flag),
];

const AZURE_FILE: &[Field] = &[
    Field("SecretName", "secretName", Text),
    Field("ShareName", "shareName", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("SecretNamespace", "secretNamespace", Pointer),
];

const SCALE_IO: &[Field] = &[
    Field("Gateway", "gateway", Text),
    Field("System", "system", Text),
    Field("SecretRef", "secretRef", Struct(SECRET)),
    Field("SSLEnabled", "sslEnabled", Flag),
    Field("ProtectionDomain", "protectionDomain", Text),
    Field("StoragePool", "storagePool", Text),
    Field("StorageMode", "storageMode", Text),
    Field("VolumeName", "volumeName", Text),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
];

const LOCAL: &[Field] = &[Field("Path", "path", Text), Field("FSType", "fsType", Pointer)];

const STORAGE_OS: &[Field] = &[
    Field("VolumeName", "volumeName", Text),
    Field("VolumeNamespace", "volumeNamespace", Text),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("SecretRef", "secretRef", Pointer),
];

const CSI: &[Field] = &[
    Field("Driver", "driver", Text),
    Field("VolumeHandle", "volumeHandle", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("FSType", "fsType", Text),
    Field("VolumeAttributes", "volumeAttributes", Pointer),
    Field("ControllerPublishSecretRef", "controllerPublishSecretRef", Struct(SECRET)),
    Field("NodeStageSecretRef", "nodeStageSecretRef", Struct(SECRET)),
    Field("NodePublishSecretRef", "nodePublishSecretRef", Struct(SECRET)),
    Field("ControllerExpandSecretRef", "controllerExpandSecretRef", Struct(SECRET)),
    Field("NodeExpandSecretRef", "nodeExpandSecretRef", Struct(SECRET)),
];

pub(super) const PERSISTENT_SOURCE: &[Field] = &[
    Field("GCEPersistentDisk", "gcePersistentDisk", Struct(GCE_DISK)),
    Field("AWSElasticBlockStore", "awsElasticBlockStore", Struct(AWS_DISK)),
    Field("HostPath", "hostPath", Struct(HOST_PATH)),
    Field("Glusterfs", "glusterfs", Struct(GLUSTERFS)),
    Field("NFS", "nfs", Struct(NFS)),
    Field("RBD", "rbd", Struct(RBD)),
    Field("Quobyte", "quobyte", Struct(QUOBYTE)),
    Field("ISCSI", "iscsi", Struct(ISCSI)),
    Field("FlexVolume", "flexVolume", Struct(FLEX)),
    Field("Cinder", "cinder", Struct(CINDER)),
    Field("CephFS", "cephfs", Struct(CEPH_FS)),
    Field("FC", "fc", Struct(FIBRE_CHANNEL)),
    Field("Flocker", "flocker", Struct(FLOCKER)),
    Field("AzureFile", "azureFile", Struct(AZURE_FILE)),
    Field("VsphereVolume", "vsphereVolume", Struct(VSPHERE)),
    Field("AzureDisk", "azureDisk", Struct(AZURE_DISK)),
    Field("PhotonPersistentDisk", "photonPersistentDisk", Struct(PHOTON)),
    Field("PortworxVolume", "portworxVolume", Struct(PORTWORX)),
    Field("ScaleIO", "scaleIO", Struct(SCALE_IO)),
    Field("Local", "local", Struct(LOCAL)),
    Field("StorageOS", "storageos", Struct(STORAGE_OS)),
    Field("CSI", "csi", Struct(CSI)),
];

pub(super) const VOLUME_AFFINITY: &[Field] = &[Field("Required", "required", Struct(NODE_SELECTOR))];

const ATTACHED: &[Field] = &[
    Field("PersistentVolumeName", "persistentVolumeName", Pointer),
    Field("InlineVolumeSpec", "inlineVolumeSpec", Pointer),
];

pub(super) const ATTACHMENT_SPEC: &[Field] = &[
    Field("Attacher", "attacher", Text),
    Field("Source", "source", Inside(ATTACHED)),
    Field("NodeName", "nodeName", Text),
];
