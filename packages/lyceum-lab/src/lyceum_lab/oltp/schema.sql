-- The OLTP database of a tutoring product: what the warehouse is built from.
CREATE TYPE user_role AS ENUM ('teacher', 'parent', 'admin');
CREATE TYPE focus_kind AS ENUM ('focus_lost', 'focus_regained', 'break_started', 'break_ended');

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    plan text,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE learners (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    display_name text NOT NULL,
    grade_level smallint,
    locale text,
    interests text[] NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    role user_role NOT NULL,
    full_name text NOT NULL,
    email text,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE subjects (
    code text PRIMARY KEY,
    name text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE skills (
    id uuid PRIMARY KEY,
    subject_code text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    grade_level smallint,
    prerequisite_id uuid,
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE learning_sessions (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    learner_id uuid NOT NULL,
    subject_code text,
    device text,
    status text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

-- Its key is of two columns, as an answer has no identity of its own.
CREATE TABLE session_activities (
    session_id uuid NOT NULL,
    position integer NOT NULL,
    skill_id uuid,
    is_correct boolean,
    score numeric(5,2),
    response_ms integer,
    answer jsonb,
    answered_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, position)
);

CREATE TABLE focus_events (
    id bigint PRIMARY KEY,
    session_id uuid NOT NULL,
    learner_id uuid NOT NULL,
    kind focus_kind NOT NULL,
    occurred_at timestamptz NOT NULL,
    duration_ms integer,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE homework_assignments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    learner_id uuid NOT NULL,
    assigned_by uuid,
    subject_code text,
    skill_id uuid,
    title text NOT NULL,
    assigned_at timestamptz NOT NULL,
    due_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE homework_submissions (
    id uuid PRIMARY KEY,
    assignment_id uuid NOT NULL,
    learner_id uuid NOT NULL,
    status text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    score numeric(5,2),
    submitted_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE recommendations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    learner_id uuid NOT NULL,
    skill_id uuid,
    kind text NOT NULL,
    confidence numeric(5,4),
    shown_at timestamptz NOT NULL,
    accepted_at timestamptz,
    dismissed_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE skill_mastery (
    learner_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    mastery numeric(5,4) NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    correct integer NOT NULL DEFAULT 0,
    practised_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (learner_id, skill_id)
);
