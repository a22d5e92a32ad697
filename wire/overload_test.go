package wire

import (
	"github.com/google/uuid"
	"reflect"
	"time"
)

var fitTypes = []reflect.Type{reflect.TypeFor[bool](), reflect.TypeFor[time.Time](), reflect.TypeFor[uuid.UUID]()}
