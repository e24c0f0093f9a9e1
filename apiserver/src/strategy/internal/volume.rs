//! The structs of a volume.

use super::Form::{Flag, Inline, Inside, List, Metadata, Number, Pointer, Selector, Struct, Text};
use super::print::Field;
use super::storage::CLAIM_SPEC;

pub(super) const HOST_PATH: &[Field] = &[Field("Path", "path", Text), Field("Type", "type", Pointer)];

const EMPTY_DIR: &[Field] = &[Field("Medium", "medium", Text), Field("SizeLimit", "sizeLimit", Pointer)];

pub(super) const GCE_DISK: &[Field] = &[
    Field("PDName", "pdName", Text),
    Field("FSType", "fsType", Text),
    Field("Partition", "partition", Number),
    Field("ReadOnly", "readOnly", Flag),
];

pub(super) const AWS_DISK: &[Field] = &[
    Field("VolumeID", "volumeID", Text),
    Field("FSType", "fsType", Text),
    Field("Partition", "partition", Number),
    Field("ReadOnly", "readOnly", Flag),
];

const GIT_REPO: &[Field] = &[
    Field("Repository", "repository", Text),
    Field("Revision", "revision", Text),
    Field("Directory", "directory", Text),
];

const ITEM: &[Field] =
    &[Field("Key", "key", Text), Field("Path", "path", Text), Field("Mode", "mode", Pointer)];

const SECRET: &[Field] = &[
    Field("SecretName", "secretName", Text),
    Field("Items", "items", List(ITEM)),
    Field("DefaultMode", "defaultMode", Pointer),
    Field("Optional", "optional", Pointer),
];

pub(super) const NFS: &[Field] =
    &[Field("Server", "server", Text), Field("Path", "path", Text), Field("ReadOnly", "readOnly", Flag)];

const NAME: &[Field] = &[Field("Name", "name", Text)];

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
    Field("SecretRef", "secretRef", Struct(NAME)),
    Field("InitiatorName", "initiatorName", Pointer),
];

const GLUSTERFS: &[Field] = &[
    Field("EndpointsName", "endpoints", Text),
    Field("Path", "path", Text),
    Field("ReadOnly", "readOnly", Flag),
];

const CLAIM: &[Field] = &[Field("ClaimName", "claimName", Text), Field("ReadOnly", "readOnly", Flag)];

const RBD: &[Field] = &[
    Field("CephMonitors", "monitors", Pointer),
    Field("RBDImage", "image", Text),
    Field("FSType", "fsType", Text),
    Field("RBDPool", "pool", Text),
    Field("RadosUser", "user", Text),
    Field("Keyring", "keyring", Text),
    Field("SecretRef", "secretRef", Struct(NAME)),
    Field("ReadOnly", "readOnly", Flag),
];

pub(super) const QUOBYTE: &[Field] = &[
    Field("Registry", "registry", Text),
    Field("Volume", "volume", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("User", "user", Text),
    Field("Group", "group", Text),
    Field("Tenant", "tenant", Text),
];

const FLEX: &[Field] = &[
    Field("Driver", "driver", Text),
    Field("FSType", "fsType", Text),
    Field("SecretRef", "secretRef", Struct(NAME)),
    Field("ReadOnly", "readOnly", Flag),
    Field("Options", "options", Pointer),
];

const CINDER: &[Field] = &[
    Field("VolumeID", "volumeID", Text),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("SecretRef", "secretRef", Struct(NAME)),
];

const CEPH_FS: &[Field] = &[
    Field("Monitors", "monitors", Pointer),
    Field("Path", "path", Text),
    Field("User", "user", Text),
    Field("SecretFile", "secretFile", Text),
    Field("SecretRef", "secretRef", Struct(NAME)),
    Field("ReadOnly", "readOnly", Flag),
];

pub(super) const FLOCKER: &[Field] =
    &[Field("DatasetName", "datasetName", Text), Field("DatasetUUID", "datasetUUID", Text)];

const FIELD_REFERENCE: &[Field] =
    &[Field("APIVersion", "apiVersion", Text), Field("FieldPath", "fieldPath", Text)];

const RESOURCE_REFERENCE: &[Field] = &[
    Field("ContainerName", "containerName", Text),
    Field("Resource", "resource", Text),
    Field("Divisor", "divisor", Text),
];

const DOWNWARD_ITEM: &[Field] = &[
    Field("Path", "path", Text),
    Field("FieldRef", "fieldRef", Struct(FIELD_REFERENCE)),
    Field("ResourceFieldRef", "resourceFieldRef", Struct(RESOURCE_REFERENCE)),
    Field("Mode", "mode", Pointer),
];

const DOWNWARD: &[Field] =
    &[Field("Items", "items", List(DOWNWARD_ITEM)), Field("DefaultMode", "defaultMode", Pointer)];

pub(super) const FIBRE_CHANNEL: &[Field] = &[
    Field("TargetWWNs", "targetWWNs", Pointer),
    Field("Lun", "lun", Pointer),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("WWIDs", "wwids", Pointer),
];

const AZURE_FILE: &[Field] = &[
    Field("SecretName", "secretName", Text),
    Field("ShareName", "shareName", Text),
    Field("ReadOnly", "readOnly", Flag),
];

const CONFIG_MAP: &[Field] = &[
    Field("Name", "name", Text),
    Field("Items", "items", List(ITEM)),
    Field("DefaultMode", "defaultMode", Pointer),
    Field("Optional", "optional", Pointer),
];

pub(super) const VSPHERE: &[Field] = &[
    Field("VolumePath", "volumePath", Text),
    Field("FSType", "fsType", Text),
    Field("StoragePolicyName", "storagePolicyName", Text),
    Field("StoragePolicyID", "storagePolicyID", Text),
];

pub(super) const AZURE_DISK: &[Field] = &[
    Field("DiskName", "diskName", Text),
    Field("DataDiskURI", "diskURI", Text),
    Field("CachingMode", "cachingMode", Pointer),
    Field("FSType", "fsType", Pointer),
    Field("ReadOnly", "readOnly", Pointer),
    Field("Kind", "kind", Pointer),
];

pub(super) const PHOTON: &[Field] = &[Field("PdID", "pdID", Text), Field("FSType", "fsType", Text)];

const SECRET_PROJECTION: &[Field] = &[
    Field("Name", "name", Text),
    Field("Items", "items", List(ITEM)),
    Field("Optional", "optional", Pointer),
];

const DOWNWARD_PROJECTION: &[Field] = &[Field("Items", "items", List(DOWNWARD_ITEM))];

const TOKEN: &[Field] = &[
    Field("Audience", "audience", Text),
    Field("ExpirationSeconds", "expirationSeconds", Number),
    Field("Path", "path", Text),
];

const TRUST_BUNDLE: &[Field] = &[
    Field("Name", "name", Pointer),
    Field("SignerName", "signerName", Pointer),
    Field("LabelSelector", "labelSelector", Selector),
    Field("Optional", "optional", Pointer),
    Field("Path", "path", Text),
];

const CERTIFICATE: &[Field] = &[
    Field("SignerName", "signerName", Text),
    Field("KeyType", "keyType", Text),
    Field("MaxExpirationSeconds", "maxExpirationSeconds", Pointer),
    Field("CredentialBundlePath", "credentialBundlePath", Text),
    Field("KeyPath", "keyPath", Text),
    Field("CertificateChainPath", "certificateChainPath", Text),
    Field("UserAnnotations", "userAnnotations", Pointer),
];

const PROJECTION: &[Field] = &[
    Field("Secret", "secret", Struct(SECRET_PROJECTION)),
    Field("DownwardAPI", "downwardAPI", Struct(DOWNWARD_PROJECTION)),
    Field("ConfigMap", "configMap", Struct(SECRET_PROJECTION)),
    Field("ServiceAccountToken", "serviceAccountToken", Struct(TOKEN)),
    Field("ClusterTrustBundle", "clusterTrustBundle", Struct(TRUST_BUNDLE)),
    Field("PodCertificate", "podCertificate", Struct(CERTIFICATE)),
];

const PROJECTED: &[Field] =
    &[Field("Sources", "sources", List(PROJECTION)), Field("DefaultMode", "defaultMode", Pointer)];

pub(super) const PORTWORX: &[Field] = &[
    Field("VolumeID", "volumeID", Text),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
];

const SCALE_IO: &[Field] = &[
    Field("Gateway", "gateway", Text),
    Field("System", "system", Text),
    Field("SecretRef", "secretRef", Struct(NAME)),
    Field("SSLEnabled", "sslEnabled", Flag),
    Field("ProtectionDomain", "protectionDomain", Text),
    Field("StoragePool", "storagePool", Text),
    Field("StorageMode", "storageMode", Text),
    Field("VolumeName", "volumeName", Text),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
];

const STORAGE_OS: &[Field] = &[
    Field("VolumeName", "volumeName", Text),
    Field("VolumeNamespace", "volumeNamespace", Text),
    Field("FSType", "fsType", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("SecretRef", "secretRef", Struct(NAME)),
];

const CSI: &[Field] = &[
    Field("Driver", "driver", Text),
    Field("ReadOnly", "readOnly", Pointer),
    Field("FSType", "fsType", Pointer),
    Field("VolumeAttributes", "volumeAttributes", Pointer),
    Field("NodePublishSecretRef", "nodePublishSecretRef", Struct(NAME)),
];

const CLAIM_TEMPLATE: &[Field] =
    &[Field("", "metadata", Metadata), Field("Spec", "spec", Inside(CLAIM_SPEC))];

const EPHEMERAL: &[Field] = &[Field("VolumeClaimTemplate", "volumeClaimTemplate", Struct(CLAIM_TEMPLATE))];

const IMAGE: &[Field] = &[Field("Reference", "reference", Text), Field("PullPolicy", "pullPolicy", Text)];

const SOURCE: &[Field] = &[
    Field("HostPath", "hostPath", Struct(HOST_PATH)),
    Field("EmptyDir", "emptyDir", Struct(EMPTY_DIR)),
    Field("GCEPersistentDisk", "gcePersistentDisk", Struct(GCE_DISK)),
    Field("AWSElasticBlockStore", "awsElasticBlockStore", Struct(AWS_DISK)),
    Field("GitRepo", "gitRepo", Struct(GIT_REPO)),
    Field("Secret", "secret", Struct(SECRET)),
    Field("NFS", "nfs", Struct(NFS)),
    Field("ISCSI", "iscsi", Struct(ISCSI)),
    Field("Glusterfs", "glusterfs", Struct(GLUSTERFS)),
    Field("PersistentVolumeClaim", "persistentVolumeClaim", Struct(CLAIM)),
    Field("RBD", "rbd", Struct(RBD)),
    Field("Quobyte", "quobyte", Struct(QUOBYTE)),
    Field("FlexVolume", "flexVolume", Struct(FLEX)),
    Field("Cinder", "cinder", Struct(CINDER)),
    Field("CephFS", "cephfs", Struct(CEPH_FS)),
    Field("Flocker", "flocker", Struct(FLOCKER)),
    Field("DownwardAPI", "downwardAPI", Struct(DOWNWARD)),
    Field("FC", "fc", Struct(FIBRE_CHANNEL)),
    Field("AzureFile", "azureFile", Struct(AZURE_FILE)),
    Field("ConfigMap", "configMap", Struct(CONFIG_MAP)),
    Field("VsphereVolume", "vsphereVolume", Struct(VSPHERE)),
    Field("AzureDisk", "azureDisk", Struct(AZURE_DISK)),
    Field("PhotonPersistentDisk", "photonPersistentDisk", Struct(PHOTON)),
    Field("Projected", "projected", Struct(PROJECTED)),
    Field("PortworxVolume", "portworxVolume", Struct(PORTWORX)),
    Field("ScaleIO", "scaleIO", Struct(SCALE_IO)),
    Field("StorageOS", "storageos", Struct(STORAGE_OS)),
    Field("CSI", "csi", Struct(CSI)),
    Field("Ephemeral", "ephemeral", Struct(EPHEMERAL)),
    Field("Image", "image", Struct(IMAGE)),
];

pub(super) const VOLUME: &[Field] = &[Field("Name", "name", Text), Field("", "", Inline(SOURCE))];
