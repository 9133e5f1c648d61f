"""What KubeRay's custom resources may hold, as JSON schemas: the fields of `ray.io/v1` as its API reference lists them.

Pod templates are left open here; they are Kubernetes' own and are checked against its schemas.
"""

from typing import Any

STRING, BOOLEAN = {"type": "string"}, {"type": "boolean"}
INTEGER, NUMBER = {"type": "integer", "minimum": 0}, {"type": "number", "minimum": 0}
STRINGS: dict[str, Any] = {"type": "object", "additionalProperties": STRING}
LIST: dict[str, Any] = {"type": "array"}
OPEN: dict[str, Any] = {"type": "object"}


def closed(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(required),
        "additionalProperties": False,
    }


CLUSTER = closed(
    ("headGroupSpec",),
    authOptions=closed(mode={"enum": ["disabled", "token"]}, secretName=STRING, enableK8sTokenAuth=BOOLEAN),
    autoscalerOptions=closed(
        env=LIST,
        envFrom=LIST,
        idleTimeoutSeconds=INTEGER,
        image=STRING,
        imagePullPolicy=STRING,
        resources=OPEN,
        securityContext=OPEN,
        upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
        version={"enum": ["v1", "v2"]},
        volumeMounts=LIST,
    ),
    enableInTreeAutoscaling=BOOLEAN,
    gcsFaultToleranceOptions=OPEN,
    headGroupSpec=closed(
        ("template",),
        enableIngress=BOOLEAN,
        headService=OPEN,
        rayStartParams=STRINGS,
        serviceType=STRING,
        template=OPEN,
    ),
    headServiceAnnotations=STRINGS,
    managedBy=STRING,
    rayVersion=STRING,
    suspend=BOOLEAN,
    workerGroupSpecs={
        "type": "array",
        "items": closed(
            ("groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"),
            groupName=STRING,
            idleTimeoutSeconds=INTEGER,
            maxReplicas=INTEGER,
            minReplicas=INTEGER,
            numOfHosts=INTEGER,
            rayStartParams=STRINGS,
            replicas=INTEGER,
            scaleStrategy=OPEN,
            suspend=BOOLEAN,
            template=OPEN,
        ),
    },
)
JOB = closed(
    (),
    activeDeadlineSeconds=INTEGER,
    backoffLimit=INTEGER,
    clusterSelector=STRINGS,
    deletionStrategy=OPEN,
    entrypoint=STRING,
    entrypointNumCpus=NUMBER,
    entrypointNumGpus=NUMBER,
    entrypointResources=STRING,
    jobId=STRING,
    managedBy=STRING,
    metadata=STRINGS,
    rayClusterSpec=CLUSTER,
    runtimeEnvYAML=STRING,
    shutdownAfterJobFinishes=BOOLEAN,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
    submitterConfig=closed(backoffLimit=INTEGER),
    submitterPodTemplate=OPEN,
    suspend=BOOLEAN,
    ttlSecondsAfterFinished=INTEGER,
)
CRON_JOB = closed(("jobTemplate", "schedule"), jobTemplate=JOB, schedule=STRING, suspend=BOOLEAN)


def resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The schema of a resource of a kind."""
    meta = {"apiVersion": {"const": "ray.io/v1"}, "kind": {"const": kind}, "metadata": OPEN}
    return closed(("apiVersion", "kind", "metadata", "spec"), **meta, spec=spec)


SCHEMAS = {"RayJob": resource("RayJob", JOB), "RayCronJob": resource("RayCronJob", CRON_JOB)}
