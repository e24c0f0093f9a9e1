//! The structs of a container.

use super::Form::{Flag, Inline, Inside, List, Number, Pointer, Struct, Text};
use super::print::Field;

const CAPABILITIES: &[Field] = &[Field("Add", "add", Pointer), Field("Drop", "drop", Pointer)];

const SE_LINUX: &[Field] = &[
    Field("User", "user", Text),
    Field("Role", "role", Text),
    Field("Type", "type", Text),
    Field("Level", "level", Text),
];

const WINDOWS: &[Field] = &[
    Field("GMSACredentialSpecName", "gmsaCredentialSpecName", Pointer),
    Field("GMSACredentialSpec", "gmsaCredentialSpec", Pointer),
    Field("RunAsUserName", "runAsUserName", Pointer),
    Field("HostProcess", "hostProcess", Pointer),
];

pub(super) const PROFILE: &[Field] =
    &[Field("Type", "type", Text), Field("LocalhostProfile", "localhostProfile", Pointer)];

pub(super) const SECURITY_CONTEXT: &[Field] = &[
    Field("Capabilities", "capabilities", Struct(CAPABILITIES)),
    Field("Privileged", "privileged", Pointer),
    Field("SELinuxOptions", "seLinuxOptions", Struct(SE_LINUX)),
    Field("WindowsOptions", "windowsOptions", Struct(WINDOWS)),
    Field("RunAsUser", "runAsUser", Pointer),
    Field("RunAsGroup", "runAsGroup", Pointer),
    Field("RunAsNonRoot", "runAsNonRoot", Pointer),
    Field("ReadOnlyRootFilesystem", "readOnlyRootFilesystem", Pointer),
    Field("AllowPrivilegeEscalation", "allowPrivilegeEscalation", Pointer),
    Field("ProcMount", "procMount", Pointer),
    Field("SeccompProfile", "seccompProfile", Struct(PROFILE)),
    Field("AppArmorProfile", "appArmorProfile", Struct(PROFILE)),
];

const SYSCTL: &[Field] = &[Field("Name", "name", Text), Field("Value", "value", Text)];

pub(super) const POD_SECURITY_CONTEXT: &[Field] = &[
    Field("HostNetwork", "hostNetwork", Flag),
    Field("HostPID", "hostPID", Flag),
    Field("HostIPC", "hostIPC", Flag),
    Field("ShareProcessNamespace", "shareProcessNamespace", Pointer),
    Field("HostUsers", "hostUsers", Pointer),
    Field("SELinuxOptions", "seLinuxOptions", Struct(SE_LINUX)),
    Field("WindowsOptions", "windowsOptions", Struct(WINDOWS)),
    Field("RunAsUser", "runAsUser", Pointer),
    Field("RunAsGroup", "runAsGroup", Pointer),
    Field("RunAsNonRoot", "runAsNonRoot", Pointer),
    Field("SupplementalGroups", "supplementalGroups", Pointer),
    Field("SupplementalGroupsPolicy", "supplementalGroupsPolicy", Pointer),
    Field("FSGroup", "fsGroup", Pointer),
    Field("FSGroupChangePolicy", "fsGroupChangePolicy", Pointer),
    Field("Sysctls", "sysctls", List(SYSCTL)),
    Field("SeccompProfile", "seccompProfile", Struct(PROFILE)),
    Field("AppArmorProfile", "appArmorProfile", Struct(PROFILE)),
    Field("SELinuxChangePolicy", "seLinuxChangePolicy", Pointer),
];

const PORT: &[Field] = &[
    Field("Name", "name", Text),
    Field("HostPort", "hostPort", Number),
    Field("ContainerPort", "containerPort", Number),
    Field("Protocol", "protocol", Text),
    Field("HostIP", "hostIP", Text),
];

const OBJECT: &[Field] = &[Field("Name", "name", Text), Field("Optional", "optional", Pointer)];

const ENV_FROM: &[Field] = &[
    Field("Prefix", "prefix", Text),
    Field("ConfigMapRef", "configMapRef", Struct(OBJECT)),
    Field("SecretRef", "secretRef", Struct(OBJECT)),
];

const FIELD_REFERENCE: &[Field] =
    &[Field("APIVersion", "apiVersion", Text), Field("FieldPath", "fieldPath", Text)];

const RESOURCE_REFERENCE: &[Field] = &[
    Field("ContainerName", "containerName", Text),
    Field("Resource", "resource", Text),
    Field("Divisor", "divisor", Text),
];

const KEY: &[Field] =
    &[Field("Name", "name", Text), Field("Key", "key", Text), Field("Optional", "optional", Pointer)];

const FILE_KEY: &[Field] = &[
    Field("VolumeName", "volumeName", Text),
    Field("Path", "path", Text),
    Field("Key", "key", Text),
    Field("Optional", "optional", Pointer),
];

const ENV_SOURCE: &[Field] = &[
    Field("FieldRef", "fieldRef", Struct(FIELD_REFERENCE)),
    Field("ResourceFieldRef", "resourceFieldRef", Struct(RESOURCE_REFERENCE)),
    Field("ConfigMapKeyRef", "configMapKeyRef", Struct(KEY)),
    Field("SecretKeyRef", "secretKeyRef", Struct(KEY)),
    Field("FileKeyRef", "fileKeyRef", Struct(FILE_KEY)),
];

const ENV: &[Field] = &[
    Field("Name", "name", Text),
    Field("Value", "value", Text),
    Field("ValueFrom", "valueFrom", Struct(ENV_SOURCE)),
];

const RESOURCE_CLAIM: &[Field] = &[Field("Name", "name", Text), Field("Request", "request", Text)];

pub(super) const RESOURCES: &[Field] = &[
    Field("Limits", "limits", Pointer),
    Field("Requests", "requests", Pointer),
    Field("Claims", "claims", List(RESOURCE_CLAIM)),
];

const RESIZE: &[Field] =
    &[Field("ResourceName", "resourceName", Text), Field("RestartPolicy", "restartPolicy", Text)];

const EXIT_CODES: &[Field] = &[Field("Operator", "operator", Text), Field("Values", "values", Pointer)];

const RESTART_RULE: &[Field] =
    &[Field("Action", "action", Text), Field("ExitCodes", "exitCodes", Struct(EXIT_CODES))];

const MOUNT: &[Field] = &[
    Field("Name", "name", Text),
    Field("ReadOnly", "readOnly", Flag),
    Field("RecursiveReadOnly", "recursiveReadOnly", Pointer),
    Field("MountPath", "mountPath", Text),
    Field("SubPath", "subPath", Text),
    Field("MountPropagation", "mountPropagation", Pointer),
    Field("SubPathExpr", "subPathExpr", Text),
];

const DEVICE: &[Field] = &[Field("Name", "name", Text), Field("DevicePath", "devicePath", Text)];

const EXEC: &[Field] = &[Field("Command", "command", Pointer)];

const HEADER: &[Field] = &[Field("Name", "name", Text), Field("Value", "value", Text)];

const HTTP_GET: &[Field] = &[
    Field("Path", "path", Text),
    Field("Port", "port", Number),
    Field("Host", "host", Text),
    Field("Scheme", "scheme", Text),
    Field("HTTPHeaders", "httpHeaders", List(HEADER)),
];

const TCP_SOCKET: &[Field] = &[Field("Port", "port", Number), Field("Host", "host", Text)];

const GRPC: &[Field] = &[Field("Port", "port", Number), Field("Service", "service", Pointer)];

const SLEEP: &[Field] = &[Field("Seconds", "seconds", Number)];

const PROBE: &[Field] = &[
    Field("Exec", "exec", Struct(EXEC)),
    Field("HTTPGet", "httpGet", Struct(HTTP_GET)),
    Field("TCPSocket", "tcpSocket", Struct(TCP_SOCKET)),
    Field("GRPC", "grpc", Struct(GRPC)),
    Field("InitialDelaySeconds", "initialDelaySeconds", Number),
    Field("TimeoutSeconds", "timeoutSeconds", Number),
    Field("PeriodSeconds", "periodSeconds", Number),
    Field("SuccessThreshold", "successThreshold", Number),
    Field("FailureThreshold", "failureThreshold", Number),
    Field("TerminationGracePeriodSeconds", "terminationGracePeriodSeconds", Pointer),
];

const HANDLER: &[Field] = &[
    Field("Exec", "exec", Struct(EXEC)),
    Field("HTTPGet", "httpGet", Struct(HTTP_GET)),
    Field("TCPSocket", "tcpSocket", Struct(TCP_SOCKET)),
    Field("Sleep", "sleep", Struct(SLEEP)),
];

const LIFECYCLE: &[Field] = &[
    Field("PostStart", "postStart", Struct(HANDLER)),
    Field("PreStop", "preStop", Struct(HANDLER)),
    Field("StopSignal", "stopSignal", Pointer),
];

pub(super) const CONTAINER: &[Field] = &[
    Field("Name", "name", Text),
    Field("Image", "image", Text),
    Field("Command", "command", Pointer),
    Field("Args", "args", Pointer),
    Field("WorkingDir", "workingDir", Text),
    Field("Ports", "ports", List(PORT)),
    Field("EnvFrom", "envFrom", List(ENV_FROM)),
    Field("Env", "env", List(ENV)),
    Field("Resources", "resources", Inside(RESOURCES)),
    Field("ResizePolicy", "resizePolicy", List(RESIZE)),
    Field("RestartPolicy", "restartPolicy", Pointer),
    Field("RestartPolicyRules", "restartPolicyRules", List(RESTART_RULE)),
    Field("VolumeMounts", "volumeMounts", List(MOUNT)),
    Field("VolumeDevices", "volumeDevices", List(DEVICE)),
    Field("LivenessProbe", "livenessProbe", Struct(PROBE)),
    Field("ReadinessProbe", "readinessProbe", Struct(PROBE)),
    Field("StartupProbe", "startupProbe", Struct(PROBE)),
    Field("Lifecycle", "lifecycle", Struct(LIFECYCLE)),
    Field("TerminationMessagePath", "terminationMessagePath", Text),
    Field("TerminationMessagePolicy", "terminationMessagePolicy", Text),
    Field("ImagePullPolicy", "imagePullPolicy", Text),
    Field("SecurityContext", "securityContext", Struct(SECURITY_CONTEXT)),
    Field("Stdin", "stdin", Flag),
    Field("StdinOnce", "stdinOnce", Flag),
    Field("TTY", "tty", Flag),
];

pub(super) const EPHEMERAL_CONTAINER: &[Field] =
    &[Field("", "", Inline(CONTAINER)), Field("TargetContainerName", "targetContainerName", Text)];
